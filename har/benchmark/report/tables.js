"use strict";
// Tables of numbers; page.js has what they are made with.

// Heat maps ------------------------------------------------------------------

function heat(share) {
  const t = Math.max(0, Math.min(1, share));
  const mix = (a, b) => Math.round(a + (b - a) * t);
  return { background: `rgb(${mix(255, 0)},${mix(255, 90)},${mix(255, 160)})`, colour: t > 0.55 ? "#fff" : "#222" };
}

function heatCell(value, digits = 0) {
  if (value == null) return element("td", { class: "heat" }, "");
  const { background, colour } = heat(value);
  return element("td", { class: "heat", style: `background:${background};color:${colour}` }, (100 * value).toFixed(digits));
}

function heatTable(columns, rows) {
  const tall = Math.min(15, 1 + 0.5 * Math.max(...columns.map((name) => name.length)));
  const head = element("tr", {}, element("th", {}, ""), ...columns.map((name) => element("th", { class: "tilted", title: name, style: `height:${tall}rem` }, element("span", {}, name))));
  const body = Object.entries(rows).map(([name, values]) => element("tr", {}, element("th", { scope: "row" }, name), ...values.map((v) => heatCell(v))));
  return scrolled(element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function confusions(task) {
  const holder = element("div");
  const choice = element("select", { "aria-label": "method", onchange: draw }, ...task.confusions.map((entry, i) => element("option", { value: i }, entry.name)));
  function draw() {
    const entry = task.confusions[choice.value];
    const rows = Object.fromEntries(entry.names.map((name, i) => [name, entry.shares[i].map((v) => v || null)]));
    holder.replaceChildren(heatTable(entry.names, rows));
  }
  draw();
  return element("div", {}, element("label", {}, "Method: ", choice), element("p", { class: "note" }, "Rows are the true classes, columns what they were taken for; percent of the row, mean over seeds."), holder);
}

// Plain tables ---------------------------------------------------------------

function plainTable(titles, rows) {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  const body = rows.map(([name, ...cells]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell)));
    const missing = titles.length - 1 - cells.length;
    if (missing) { row.lastChild.setAttribute("colspan", missing + 1); row.lastChild.className = "words"; }
    return row;
  });
  return scrolled(element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

const short = (value) => (value == null ? "" : String(+value.toPrecision(3)));

function exported(task) {
  if (!task.exports.length) return null;
  const titles = ["model", "graph", "p50 ms", "p90 ms", "p99 ms", "clips/s", "MiB", "largest difference", "same top class %", "top-1 lost, points"];
  const called = (graph) => graph.graph.replace(/^hop(\d+)$/, "$1 frames a step");
  const rows = task.exports.map((graph) => graph.refused
    ? [graph.name, called(graph), `no graph: ${graph.refused}`]
    : [graph.name, called(graph), ...[graph.p50_ms, graph.p90_ms, graph.p99_ms, graph.hop ? null : graph.clips_per_second, graph.mib].map(short),
      graph.max_difference == null ? "" : graph.max_difference.toExponential(1), percent(graph.agreement), percent(graph.lost)]);
  return plainTable(titles, rows);
}

function peers(task) {
  if (!task.peers.length) return null;
  const titles = ["ours", "theirs", "our top-1 %", "their top-1 %", ...new Set(task.peers.flatMap((pair) => Object.keys(pair.ratios)))];
  const rows = task.peers.map((pair) => [pair.ours, pair.theirs, ...pair.top1.map(percent),
    ...titles.slice(4).map((title) => (pair.ratios[title] == null ? "" : `${pair.ratios[title].toFixed(2)} x`))]);
  return plainTable(titles, rows);
}

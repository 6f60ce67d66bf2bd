"use strict";
// Pictures of numbers; page.js has what they are made with.

const DASHES = ["none", "5 3", "1 3", "9 3 2 3"];
const SIZER = document.createElement("canvas").getContext("2d");

const wide = (text) => { SIZER.font = "12px system-ui, sans-serif"; return SIZER.measureText(text).width; };
const widest = (texts) => Math.max(0, ...texts.map(wide));

// A picture is as wide as a table on a screen, and scrolls on a phone, where its words would be too small.
const plot = () => element("div", { class: "plot", tabindex: "0", role: "group", "aria-label": "picture" });

function ticks(low, high, count) {
  const step = 10 ** Math.floor(Math.log10((high - low) / count));
  const size = [1, 2, 5, 10].map((m) => m * step).find((s) => (high - low) / s <= count) || step;
  const found = [];
  for (let t = Math.ceil(low / size) * size; t <= high + size * 1e-9; t += size) found.push(+t.toPrecision(8));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const m of [1, 2, 5]) { const t = m * 10 ** e; if (t >= low && t <= high) found.push(+t.toPrecision(3)); }
  return found;
}

function axes(svg, box, xs, ys, xTicks, yTicks, xTitle, yTitle) {
  for (const t of xTicks) {
    svg.append(shape("line", { x1: xs(t), x2: xs(t), y1: box.top, y2: box.bottom, stroke: "#e5e5e5" }),
      shape("text", { x: xs(t), y: box.bottom + 16, "text-anchor": "middle" }, String(t)));
  }
  for (const t of yTicks) {
    svg.append(shape("line", { x1: box.left, x2: box.right, y1: ys(t), y2: ys(t), stroke: "#e5e5e5" }),
      shape("text", { x: box.left - 6, y: ys(t) + 4, "text-anchor": "end" }, String(t)));
  }
  svg.append(shape("text", { x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, xTitle),
    shape("text", { x: box.left, y: box.top - 10 }, yTitle));
}

// Where a label of a dot covers none of those that are taken; null where it would be far from its dot.
function freePlace(taken, x, y, width) {
  for (const left of [x + 9, x - 9 - width]) {
    if (left < 0 || left + width > 620) continue;
    for (const by of [0, -13, 13]) {
      const place = { left, right: left + width, y: y + by };
      if (!taken.some((l) => l.left < place.right && place.left < l.right && Math.abs(l.y - place.y) < 13)) return place;
    }
  }
  return null;
}

function pareto(task) {
  const title = (key) => task.columns.find((column) => column.key === key).title;
  const holder = plot();
  const choice = element("select", { "aria-label": "cost on the horizontal axis", onchange: draw },
    ...task.costs.map((cost) => element("option", { value: cost }, title(cost))));
  function draw() {
    const cost = choice.value;
    const points = task.rows.filter((row) => row.values[cost] > 0);
    const box = { left: 52, right: 600, top: 30, bottom: 340 };
    const svg = shape("svg", { viewBox: "0 0 620 385", role: "img", "aria-label": `top-1 accuracy against ${title(cost)}` });
    const costs = points.map((row) => row.values[cost]);
    const gains = points.map((row) => 100 * row.values.top1);
    const [low, high] = [Math.min(...costs) / 1.3, Math.max(...costs) * 1.6];
    const room = Math.max(2, (Math.max(...gains) - Math.min(...gains)) * 0.12);
    const [bottom, top] = [Math.min(...gains) - room, Math.min(100, Math.max(...gains) + room)];
    const xs = (v) => box.left + (Math.log(v / low) / Math.log(high / low)) * (box.right - box.left);
    const shownCost = (v) => (cost === "parameters" ? v / 1e6 : cost === "macs" ? v / 1e9 : v);
    const unit = cost === "parameters" ? 1e6 : cost === "macs" ? 1e9 : 1;
    const ys = (v) => box.bottom - ((v - bottom) / (top - bottom)) * (box.bottom - box.top);
    const scaled = (t) => xs(t * unit);
    axes(svg, box, scaled, ys, logTicks(shownCost(low), shownCost(high)), ticks(bottom, top, 7), `${title(cost)} (less is better)`, "top-1 %");
    const front = points.filter((row) => row.fronts.includes(cost)).sort((a, b) => a.values[cost] - b.values[cost]);
    svg.append(shape("polyline", { points: front.map((row) => `${xs(row.values[cost])},${ys(100 * row.values.top1)}`).join(" "), fill: "none", stroke: "#D55E00", "stroke-width": 1.5 }));
    const labels = [];
    const dots = points.map((row) => ({ left: xs(row.values[cost]) - 5, right: xs(row.values[cost]) + 5, y: ys(100 * row.values.top1) + 4 }));
    [...front, ...points.filter((row) => !front.includes(row))].forEach((row) => {
      const [x, y] = [xs(row.values[cost]), ys(100 * row.values.top1)];
      const dot = shape("circle", { cx: x, cy: y, r: 5, fill: front.includes(row) ? "#D55E00" : "#0072B2" });
      dot.append(shape("title", {}, `${row.name}: ${percent(row.values.top1)} %, ${row.texts[cost]}`));
      svg.append(dot);
      const place = freePlace(front.includes(row) ? labels : [...labels, ...dots], x, y + 4, wide(row.name));
      if (!place) return;
      labels.push(place);
      svg.append(shape("text", { x: place.left, y: place.y }, row.name));
    });
    holder.replaceChildren(svg);
  }
  if (!task.costs.length) return element("p", { class: "note" }, "No cost was measured.");
  draw();
  return element("div", {}, element("label", {}, "Cost: ", choice), holder,
    element("p", { class: "note" }, "Orange: no other method is at least as accurate at no more cost. Point at a dot for its name."));
}

function ranks(task) {
  if (!task.ranks) return null;
  const names = Object.entries(task.ranks.average);
  const rows = names.length;
  const left = widest(names.map(([name]) => name)) + 20;
  const box = { left, right: Math.max(590, left + 200), top: 40, bottom: 50 + rows * 22 };
  const svg = shape("svg", { viewBox: `0 0 ${box.right + 30} ${box.bottom + 45}`, role: "img", "aria-label": "average ranks" });
  const highest = Math.max(...names.map(([, rank]) => rank)) + 0.3;
  const xs = (v) => box.left + ((v - 1) / Math.max(highest - 1, 1)) * (box.right - box.left);
  axes(svg, box, xs, () => 0, ticks(1, highest, 8), [], "average rank (1 is best)", "");
  names.forEach(([name, rank], i) => {
    const y = box.top + 20 + i * 22;
    const close = rank - names[0][1] <= task.ranks.critical_difference;
    svg.append(shape("text", { x: box.left - 10, y: y + 4, "text-anchor": "end" }, name),
      shape("circle", { cx: xs(rank), cy: y, r: 5, fill: close ? "#D55E00" : "#0072B2" }));
  });
  const [start, end] = [xs(names[0][1]), Math.min(xs(names[0][1] + task.ranks.critical_difference), box.right)];
  svg.append(shape("line", { x1: start, x2: end, y1: box.top - 8, y2: box.top - 8, stroke: "#D55E00", "stroke-width": 3 }),
    shape("text", { x: start, y: box.top - 16 }, `critical difference ${task.ranks.critical_difference.toFixed(2)}`));
  const holder = plot();
  holder.append(svg);
  return element("div", {}, holder, element("p", { class: "note" },
    `Over ${task.ranks.blocks} seed${task.ranks.blocks > 1 ? "s" : ""}. Orange: not told apart from the best by the Nemenyi test at 5 %` +
    (task.ranks.blocks < 5 ? "; so few blocks tell little." : ".")));
}

function curves(task) {
  const holder = plot();
  const names = [...new Set(task.curves.flatMap((curve) => Object.keys(curve.series)))];
  const choice = element("select", { "aria-label": "curve", onchange: draw }, ...names.map((name) => element("option", {}, name)));
  function draw() {
    const shown = task.curves.filter((curve) => curve.series[choice.value]);
    const box = { left: 52, right: 420, top: 30, bottom: 300 };
    const svg = shape("svg", { viewBox: `0 0 ${470 + widest(shown.map((curve) => curve.name))} ${Math.max(345, 40 + shown.length * 17)}`, role: "img", "aria-label": choice.value });
    const values = shown.flatMap((curve) => curve.series[choice.value]).filter((v) => v != null);
    const longest = Math.max(...shown.map((curve) => curve.series[choice.value].length));
    const [low, high] = [Math.min(0, ...values), Math.max(...values) * 1.05];
    const xs = (v) => box.left + ((v - 1) / Math.max(longest - 1, 1)) * (box.right - box.left);
    const ys = (v) => box.bottom - ((v - low) / (high - low || 1)) * (box.bottom - box.top);
    axes(svg, box, xs, ys, ticks(1, Math.max(longest, 2), 8).filter(Number.isInteger), ticks(low, high, 6), "epoch", choice.value);
    shown.forEach((curve, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const dash = DASHES[Math.floor(i / COLOURS.length) % DASHES.length];
      const points = curve.series[choice.value].map((v, e) => (v == null ? null : `${xs(e + 1)},${ys(v)}`)).filter(Boolean);
      if (points.length === 1) points.push(`${xs(longest) + 8},${points[0].split(",")[1]}`); // a dash where there is no line
      svg.append(shape("polyline", { points: points.join(" "), fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": dash }),
        shape("line", { x1: 435, x2: 455, y1: 34 + i * 17, y2: 34 + i * 17, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }),
        shape("text", { x: 460, y: 38 + i * 17 }, curve.name));
    });
    holder.replaceChildren(svg);
  }
  if (!names.length) return null;
  draw();
  return element("div", {}, element("label", {}, "Curve: ", choice), holder);
}

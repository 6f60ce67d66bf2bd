"use strict";
const content = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#888888"];
const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function shape(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// A table wider than the page scrolls by itself, with the arrow keys too.
const scrolled = (table) => element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "table" }, table);

const percent = (value) => (value == null ? "" : (100 * value).toFixed(1));

// Leaderboard ---------------------------------------------------------------

function leaderboard(task) {
  const body = element("tbody");
  const head = element("tr");
  const columns = [{ key: "name", title: "method", about: "method and input stream", better: "" },
    { key: "seeds", title: "seeds", about: "runs that the means are over", better: "" }, ...task.columns];
  const rows = [...task.rows];
  const value = (row, key) => (key === "name" ? row.name : key === "seeds" ? row.seeds : row.values[key]);

  function fill() {
    body.replaceChildren(...rows.map((row) => element("tr", {}, ...columns.map((column) => {
      if (column.key === "name") return element("th", { scope: "row" }, row.name);
      if (column.key === "seeds") return element("td", {}, String(row.seeds));
      const cell = element("td", {}, row.texts[column.key]);
      if (column.key === "top1") {
        const over = row.seed_low == null ? "" : `; over seeds ${percent(row.seed_low)} to ${percent(row.seed_high)}`;
        cell.title = `95 % intervals: over subjects ${percent(row.subject_low)} to ${percent(row.subject_high)}${over}`;
      }
      const all = rows.map((other) => other.values[column.key]).filter((v) => v != null);
      const best = column.better === "high" ? Math.max(...all) : Math.min(...all);
      if (column.better && row.values[column.key] === best) cell.className = "best";
      return cell;
    }))));
  }

  columns.forEach((column) => {
    const header = element("th", { scope: "col", title: column.about });
    header.append(element("button", { type: "button", onclick: () => {
      const falling = header.getAttribute("aria-sort") !== "descending";
      head.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const sign = falling ? -1 : 1;
      rows.sort((a, b) => {
        const [x, y] = [value(a, column.key), value(b, column.key)];
        if (x == null || y == null) return (x == null) - (y == null);
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
      fill();
    } }, column.title));
    head.append(header);
  });
  fill();
  return scrolled(element("table", {}, element("thead", {}, head), body));
}

// Plots ----------------------------------------------------------------------

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

function pareto(task) {
  const title = (key) => task.columns.find((column) => column.key === key).title;
  const holder = element("div");
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
    points.forEach((row) => {
      const [x, y] = [xs(row.values[cost]), ys(100 * row.values.top1)];
      const first = row.fronts.includes(cost);
      const dot = shape("circle", { cx: x, cy: y, r: 5, fill: first ? "#D55E00" : "#0072B2" });
      dot.append(shape("title", {}, `${row.name}: ${percent(row.values.top1)} %, ${row.texts[cost]}`));
      let place = y + 4;
      while (labels.some((l) => Math.abs(l.x - x) < 120 && Math.abs(l.y - place) < 13)) place += 13;
      labels.push({ x, y: place });
      const near = x > box.right - 130;
      svg.append(dot, shape("text", { x: near ? x - 9 : x + 9, y: place, "text-anchor": near ? "end" : "start" }, row.name));
    });
    holder.replaceChildren(svg);
  }
  if (!task.costs.length) return element("p", { class: "note" }, "No cost was measured.");
  draw();
  return element("div", {}, element("label", {}, "Cost: ", choice), holder,
    element("p", { class: "note" }, "Orange: no other method is at least as accurate at no more cost."));
}

function ranks(task) {
  if (!task.ranks) return null;
  const names = Object.entries(task.ranks.average);
  const rows = names.length;
  const box = { left: 230, right: 590, top: 40, bottom: 50 + rows * 22 };
  const svg = shape("svg", { viewBox: `0 0 620 ${box.bottom + 45}`, role: "img", "aria-label": "average ranks" });
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
  return element("div", {}, svg, element("p", { class: "note" },
    `Over ${task.ranks.blocks} seed${task.ranks.blocks > 1 ? "s" : ""}. Orange: not told apart from the best by the Nemenyi test at 5 %` +
    (task.ranks.blocks < 5 ? "; so few blocks tell little." : ".")));
}

function curves(task) {
  const holder = element("div");
  const names = [...new Set(task.curves.flatMap((curve) => Object.keys(curve.series)))];
  const choice = element("select", { "aria-label": "curve", onchange: draw }, ...names.map((name) => element("option", {}, name)));
  function draw() {
    const shown = task.curves.filter((curve) => curve.series[choice.value]);
    const box = { left: 52, right: 420, top: 30, bottom: 300 };
    const svg = shape("svg", { viewBox: `0 0 620 ${Math.max(345, 40 + shown.length * 17)}`, role: "img", "aria-label": choice.value });
    const values = shown.flatMap((curve) => curve.series[choice.value]).filter((v) => v != null);
    const longest = Math.max(...shown.map((curve) => curve.series[choice.value].length));
    const [low, high] = [Math.min(0, ...values), Math.max(...values) * 1.05];
    const xs = (v) => box.left + ((v - 1) / Math.max(longest - 1, 1)) * (box.right - box.left);
    const ys = (v) => box.bottom - ((v - low) / (high - low || 1)) * (box.bottom - box.top);
    axes(svg, box, xs, ys, ticks(1, Math.max(longest, 2), 8).filter(Number.isInteger), ticks(low, high, 6), "epoch", choice.value);
    shown.forEach((curve, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const dash = i < COLOURS.length ? "none" : "5 3";
      const points = curve.series[choice.value].map((v, e) => (v == null ? null : `${xs(e + 1)},${ys(v)}`)).filter(Boolean);
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

// Skeleton player ------------------------------------------------------------

function player(clip, edges) {
  const canvas = element("canvas", { width: 360, height: 300, role: "img", "aria-label": `skeleton of ${clip.clip}` });
  const frames = clip.people[0].length;
  let frame = 0, timer = null;
  function draw() {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, 360, 300);
    clip.people.forEach((person, number) => {
      const joints = person[frame].map((p) => p && [36 + p[0] * 0.288, 6 + p[1] * 0.288]);
      pen.strokeStyle = pen.fillStyle = COLOURS[number];
      pen.lineWidth = 3;
      for (const [a, b] of edges) {
        if (!joints[a] || !joints[b]) continue;
        pen.beginPath(); pen.moveTo(...joints[a]); pen.lineTo(...joints[b]); pen.stroke();
      }
      for (const joint of joints) if (joint) { pen.beginPath(); pen.arc(...joint, 3, 0, 7); pen.fill(); }
    });
    pen.fillStyle = "#666"; pen.font = "12px system-ui";
    pen.fillText(`${((frame / Math.max(frames - 1, 1)) * clip.seconds).toFixed(1)} of ${clip.seconds} s`, 8, 292);
  }
  const step = (by) => { frame = (frame + by + frames) % frames; draw(); };
  const play = element("button", { type: "button", onclick: () => {
    if (timer) { clearInterval(timer); timer = null; play.textContent = "Play"; return; }
    timer = setInterval(() => step(1), (1000 * clip.seconds) / frames);
    play.textContent = "Pause";
  } }, "Play");
  frame = Math.floor(frames / 2);
  draw();
  return element("div", { class: "player" }, element("p", {}, element("strong", {}, clip.true), ` taken for ${clip.predicted}, sure to ${percent(clip.confidence)} %`),
    canvas, play, element("button", { type: "button", onclick: () => step(-1), "aria-label": "one frame back" }, "‹"),
    element("button", { type: "button", onclick: () => step(1), "aria-label": "one frame on" }, "›"), element("p", { class: "note" }, clip.clip));
}

// The page -------------------------------------------------------------------

function section(parent, title, note, body) {
  if (!body) return;
  parent.append(element("h3", {}, title));
  if (note) parent.append(element("p", { class: "note" }, note));
  parent.append(body);
}

function drawTask(task) {
  const part = element("section", {}, element("h2", {}, task.label));
  section(part, "Leaderboard", "Click a heading to sort, or Tab to it and press Enter; point at it for what it means. Bold: best of the column. p: paired permutation test against the best, Holm-corrected, over subjects where there are at least 6, else over clips.", leaderboard(task));
  if (task.copies) part.append(element("p", { class: "note" }, `${task.copies.copies} test clips are also in the training part. Top-1 without them: ` +
    Object.entries(task.copies.top1).map(([name, v]) => `${name} ${percent(v)} %`).join(", ") + "."));
  const pair = element("div", { class: "row" });
  const left = element("div"), right = element("div");
  section(left, "Accuracy against cost", "", pareto(task));
  section(right, "Average ranks", "", ranks(task));
  pair.append(left, right);
  part.append(pair);
  section(part, "Accuracy by class", "Percent of the clips of a class, mean over seeds.", heatTable(task.classes.columns, task.classes.rows));
  for (const condition of task.conditions) section(part, `Accuracy by ${condition.kind.slice(0, -1)}`, "Percent, mean over seeds.", heatTable(condition.columns, condition.rows));
  if (task.robustness) section(part, "Accuracy under corruption", `Percent. ${task.robustness.subset}`, heatTable(task.robustness.columns, task.robustness.rows));
  section(part, "Exported graphs", "One clip after the other in onnxruntime; parity with the model on test clips. int8: beside the float model.", exported(task));
  section(part, "Beside peers", "Our version of a model beside that of another project, under the same recipe and timing. Above 1 ours is better.", peers(task));
  section(part, "Confusion", "", confusions(task));
  section(part, "Training curves", "First seed of each method.", curves(task));
  if (task.mistakes && task.mistakes.clips.length)
    section(part, "Worst mistakes", `Of ${task.mistakes.name}, first seed: wrong, and sure of it.`, element("div", { class: "grid" }, ...task.mistakes.clips.map((clip) => player(clip, task.mistakes.edges))));
  return part;
}

function drawTop() {
  const top = document.getElementById("top");
  for (const suite of content.suites) {
    top.append(element("h1", {}, suite.title), element("p", {}, suite.about));
    for (const [title, budget] of Object.entries(suite.budgets)) if (budget) top.append(element("p", { class: "note" }, `Budget${Object.keys(suite.budgets).length > 1 ? ` of ${title}` : ""}: ${budget}`));
  }
  if (content.failed.length || content.open.length)
    top.append(element("p", { class: "bad" }, `Cells that failed: ${content.failed.length}, not finished: ${content.open.length}. See the end of the page.`));
}

function drawAppendix() {
  const end = document.getElementById("appendix");
  end.append(element("h2", {}, "How to repeat it"));
  if (content.failed.length) end.append(element("h3", {}, "Failed cells"), ...content.failed.map((cell) => element("details", { class: "bad" },
    element("summary", {}, `${cell.name}: ${cell.error}`), element("pre", {}, `${cell.command}\n\n${cell.traceback}`))));
  if (content.open.length) end.append(element("h3", {}, "Not finished"), element("pre", {}, content.open.join("\n")));
  end.append(element("h3", {}, "Machines and versions"), ...content.environment.map((machine) => element("pre", {}, Object.entries(machine).map(([key, value]) => `${key}: ${value}`).join("\n"))));
  end.append(element("details", {}, element("summary", {}, "The command of every cell"), ...content.commands.map((cell) => element("div", {}, element("p", { class: "note" }, cell.name), element("pre", {}, cell.command)))));
}

drawTop();
document.getElementById("tasks").append(...content.tasks.map(drawTask));
drawAppendix();

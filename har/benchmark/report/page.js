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
      const [low, high] = [Math.min(...all), Math.max(...all)];
      const best = column.better === "high" ? high : low;
      if (column.better && low < high && row.values[column.key] === best) cell.className = "best";
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

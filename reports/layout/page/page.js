// What the page does with scripts; without them it shows the same. 1. The keyboard reaches what scrolls, and nothing else.
// 2. Choosing ranges on the axes of the settings: by dragging, or with the controls below them.
"use strict";
document.documentElement.classList.add("scripts");

const scrollers = document.querySelectorAll(".scroll, pre");
const sized = new ResizeObserver(entries => entries.forEach(({ target }) => {
  const scrolls = target.scrollWidth > target.clientWidth + 1;
  if (scrolls) {
    target.tabIndex = 0;
    target.setAttribute("role", "group");
    target.setAttribute("aria-label", target.dataset.label || "Code");
  } else for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
}));
scrollers.forEach(each => sized.observe(each));

const figure = document.getElementById("parallel");
if (figure) {
  const area = figure.querySelector(".axes"), drawing = area.querySelector("svg"), rows = [...area.querySelectorAll(".row")];
  const trials = figure.dataset.trials.split(";").map(text => text.split(","));
  const ranges = new Map(), make = (tag, more) => Object.assign(document.createElement(tag), more);
  const chosen = document.createElementNS("http://www.w3.org/2000/svg", "path");
  chosen.setAttribute("class", "line complete of4");
  drawing.append(chosen);

  const form = make("div", { className: "choose" }), said = make("p", { className: "note" });
  const axis = make("select"), ends = [0, 1000].map(value => make("input", { type: "range", max: 1000, value }));
  const clear = make("button", { type: "button", textContent: "Show all trials" });
  rows.forEach((row, index) => axis.append(make("option", { value: index, textContent: row.querySelector("b").textContent })));
  [["Keep the trials on", axis], ["from", ends[0]], ["to", ends[1]]].forEach(([text, control]) => {
    const label = make("label", { textContent: text + " " });
    label.append(control);
    form.append(label);
  });
  form.append(clear);
  said.setAttribute("role", "status");
  figure.querySelector("figcaption").before(form, said);

  const kept = () => trials.filter(trial => [...ranges].every(([row, [low, high]]) => {
    const place = +trial[row + 2];
    return place >= low && place <= high;
  }));
  const show = () => {
    const some = kept(), done = some.filter(trial => trial[1]).sort((a, b) => b[1] - a[1]), height = 1000 / rows.length;
    chosen.setAttribute("d", ranges.size ? some.map(trial => "M" + trial.slice(2).map(
      (place, row) => place + " " + Math.round((row + 0.5) * height)).join("L")).join("") : "");
    figure.classList.toggle("chosen", ranges.size > 0);
    said.textContent = ranges.size ? `${some.length} of ${trials.length} trials, ${done.length} complete` + (done.length
      ? `; the best is trial ${done[0][0]} with ${(done[0][1] / 100).toFixed(2)}%` : "") : "";
    rows.forEach((row, index) => {
      const [low, high] = ranges.get(index) || [0, 0];
      row.style.setProperty("--from", low / 10 + "%");
      row.style.setProperty("--wide", (high - low) / 10 + "%");
    });
  };
  const choose = (row, low, high) => {
    ranges.set(row, [Math.min(low, high), Math.max(low, high)]);
    axis.value = row;
    ends.forEach((end, index) => { end.value = ranges.get(row)[index]; });
    show();
  };
  axis.addEventListener("change", () => ends.forEach((end, index) => {
    end.value = (ranges.get(+axis.value) || [0, 1000])[index];
  }));
  ends.forEach(end => end.addEventListener("input", () => choose(+axis.value, +ends[0].value, +ends[1].value)));
  clear.addEventListener("click", () => {
    ranges.clear();
    ends.forEach((end, index) => { end.value = 1000 * index; });
    show();
  });
  let began = null;
  const place = event => {
    const box = drawing.getBoundingClientRect();
    return Math.round(1000 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  area.addEventListener("pointerdown", event => {
    const row = rows.indexOf(event.target.closest(".row"));
    if (row < 0) return;
    began = [row, place(event)];
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", event => {
    if (began) choose(began[0], began[1] - 15, place(event) + 15);
  });
  area.addEventListener("pointerup", event => {
    if (began) choose(began[0], Math.min(began[1], place(event)) - 15, Math.max(began[1], place(event)) + 15);
    began = null;
  });
  area.addEventListener("pointercancel", () => { began = null; });
}

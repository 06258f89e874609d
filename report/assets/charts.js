"use strict";
// Draws every figure of the page. A specification is data; its expressions are interpreted, never evaluated as code.

const SANS = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif";
const LOOK = {
  background: "transparent", font: SANS, view: { stroke: null },
  axis: {
    labelColor: "var(--soft)", titleColor: "var(--soft)", domainColor: "var(--line)", tickColor: "var(--line)",
    gridColor: "var(--line)", gridOpacity: 0.7, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal",
    titlePadding: 8, labelPadding: 5,
  },
  axisX: { grid: false, labelOverlap: true }, axisY: { domain: false, ticks: false },
  legend: {
    orient: "top", labelColor: "var(--ink)", labelFontSize: 11.5, symbolSize: 70, symbolStrokeWidth: 0,
    columnPadding: 14, offset: 10,
  },
  text: { fontSize: 11, font: SANS },
};

function draw(plot) {
  const spec = JSON.parse(document.getElementById(`chart-${plot.dataset.chart}`).textContent);
  const columns = Math.max(1, Math.floor(plot.clientWidth / 130)); // of the legend: a phone has two
  const config = { ...LOOK, legend: { ...LOOK.legend, columns } };
  const made = charts.parse(charts.compile(spec, { config }).spec, null, { ast: true });
  const view = new charts.View(made, {
    container: plot, renderer: "svg", hover: true, expr: charts.expressionInterpreter, loader: NO_LOADER,
  });
  view.tooltip((_, event, item, value) => point(event, value));
  return view.runAsync();
}

// Vega is given nothing to fetch with.
const refuse = () => Promise.reject(new Error("this page fetches nothing"));
const NO_LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;

function point(event, value) {
  tip.hidden = value == null || value === "";
  if (tip.hidden) return;
  const lines = Object.entries(value).map(([name, told]) => {
    const line = document.createElement("div");
    const label = document.createElement("span");
    label.textContent = name;
    line.append(label, ` ${told}`);
    return line;
  });
  tip.replaceChildren(...lines);
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
}

document.body.append(tip);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
Promise.all([...document.querySelectorAll(".plot")].map(draw)).then(() => { document.body.dataset.drawn = "yes"; });

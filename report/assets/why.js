"use strict";
// A row's story, in the order in which it happened. All text is put in as text: nothing here makes markup of it.

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const ROW_ID = /^[a-z_]+-\d{4,9}-[0-9a-f]{20}$/;

const listed = new Set(); // ids of the rows on this page

const words = (name) => name.replaceAll("_", " ");
const isPlain = (value) => value === null || typeof value !== "object";
const isEmpty = (value) => value === null || value === undefined || value === "" ||
  (typeof value === "object" && !(value instanceof Node) && Object.keys(value).length === 0);
const figure = (value) => Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));

// An element with children: strings become text nodes.
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Somebody else's words: kept apart from the page's own direction; what cannot be seen is shown by its number.
function said(text, name = "bdi") {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    const number = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push(text.slice(from, found.index), el("span", { class: "unseen" }, `U+${number}`));
    from = found.index + found[0].length;
  }
  return el(name, { dir: "auto" }, ...parts, text.slice(from));
}

// Any value of a story: a figure, a text, a list, or names with values.
function told(value) {
  if (value === null) return "";
  if (typeof value === "number") return figure(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return toldText(value);
  if (Array.isArray(value)) {
    return value.every(isPlain)
      ? el("span", {}, ...value.flatMap((one, n) => n ? [", ", told(one)] : [told(one)]))
      : el("ol", { class: "list" }, ...value.map((one) => el("li", {}, told(one))));
  }
  return el("dl", { class: "pairs" }, ...Object.entries(value).filter(([, part]) => !isEmpty(part))
    .flatMap(([name, part]) => [el("dt", {}, words(name)), el("dd", {}, told(part))]));
}

function toldText(text) {
  if (ROW_ID.test(text)) return listed.has(text) ? el("a", { href: `#${text}` }, text) : el("code", {}, text);
  return text.length > 160 || text.includes("\n") ? el("pre", {}, said(text)) : said(text);
}

// Records with the same columns; a column that no record has is left out.
function tabled(rows, columns) {
  const shown = Object.entries(columns).filter(([name]) => rows.some((row) => !isEmpty(row[name])));
  return el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, ...shown.map(([, head]) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", { class: words(row.outcome ?? "").replace(" ", "-") },
      ...shown.map(([name, head]) => el("td", { "data-head": head },
        isEmpty(row[name]) ? "" : row[name] instanceof Node ? row[name] : told(row[name])))))));
}

// Rows of every table that are told, each with how it stands to the row.
const STANDS = { up: "it was made of this", itself: "the row itself", beside: "beside it", down: "made of it" };

function tables(found) {
  return el("div", {}, ...Object.entries(found).flatMap(([name, entries]) => [el("h4", {}, words(name)),
    told(entries.map(({ row, relation, ...more }) => ({ stands: STANDS[relation], ...row, ...more })))]));
}

const FILTERS = { stage: "stage", filter: "filter", figure: "figure", threshold: "threshold", outcome: "outcome" };
const DROPS = { table: "table", id: "row", stage: "stage", reason: "reason", figure: "figure", threshold: "threshold", round: "round", text: "text" };
const FOLDED = true;
const STORY = [
  ["dropped", "Dropped", (rows) => tabled(rows, DROPS)],
  ["source", "Where it came from", told],
  ["filters", "Filters", (rows) => tabled(rows, FILTERS)],
  ["tables", "Table by table", tables],
  ["checkpoints", "Checkpoints", told, FOLDED],
  ["row", "The row in its table", told, FOLDED],
  ["stages", "Stages, settings and prompts", told, FOLDED],
];

function story(why) {
  const parts = STORY.filter(([key]) => !isEmpty(why[key])).map(([key, title, show, folded]) => folded
    ? el("details", { class: "values" }, el("summary", {}, title), show(why[key]))
    : el("section", {}, el("h3", {}, title), show(why[key])));
  const head = el("p", { class: "soft" }, el("code", {}, `selfplay why ${why.id}`), el("span", {}, `${why.recipe}/${why.round}, ${why.decision}`));
  return el("div", { class: "why" }, head, ...parts);
}

"use strict";
// The rows of a round: search, filter, and each one's story. All text is put in as text: nothing here makes markup of it.

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

// An element with children: strings become text nodes.
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
}

// Somebody else's words: kept apart from the page's own direction, what cannot be seen shown by its number.
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

const words = (name) => name.replaceAll("_", " ");
const isPlain = (value) => value === null || typeof value !== "object";
const number = (value) => Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));

function plain(value) {
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null) return "";
  return value.length > 160 || value.includes("\n") ? said(value, "pre") : said(value);
}

// Any value of a story: a text, a list, or names with values.
function told(value) {
  if (isPlain(value)) return plain(value);
  if (Array.isArray(value)) {
    if (value.every(isPlain)) return value.length ? said(value.map((one) => isPlain(one) && typeof one === "number" ? number(one) : String(one)).join(", ")) : "";
    return el("ol", { class: "list" }, ...value.map((one) => el("li", {}, told(one))));
  }
  return el("dl", { class: "pairs" }, ...Object.entries(value).filter(([, part]) => !isEmpty(part))
    .flatMap(([name, part]) => [el("dt", {}, words(name)), el("dd", {}, told(part))]));
}

const isEmpty = (value) => value === null || value === undefined || value === "" ||
  (typeof value === "object" && Object.keys(value).length === 0);

// Rows that share their columns, as a table; the texts among them below each other on a phone.
function tabled(rows, columns) {
  const shown = columns.filter((name) => rows.some((row) => !isEmpty(row[name])));
  return el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, ...shown.map((name) => el("th", { scope: "col" }, words(name))))),
    el("tbody", {}, ...rows.map((row) => el("tr", row.outcome ? { class: row.outcome.replace(" ", "-") } : {},
      ...shown.map((name) => el("td", { "data-head": words(name) }, isEmpty(row[name]) ? "" : told(row[name])))))));
}

// The story, in the order in which it happened.
const STORY = [
  ["dropped", "Dropped", (rows) => tabled(rows, ["table", "stage", "reason", "figure", "threshold", "round", "text"])],
  ["row", "The row", told],
  ["source", "Where it came from", told],
  ["fewshots", "Shown to the proposer", (rows) => told(rows)],
  ["proposal", "The proposal", told],
  ["questions", "Questions parsed from it", told],
  ["question", "The question", told],
  ["item", "The benchmark's item", told],
  ["attempts", "Attempts", (rows) => tabled(rows, ["text", "answer", "canonical", "answer_class", "reward", "valid", "invalid_reason"])],
  ["verdict", "The vote", told],
  ["contamination", "Contamination", told],
  ["filters", "Filters", (rows) => tabled(rows, ["stage", "filter", "figure", "threshold", "outcome"])],
  ["selection", "Selected as", told],
  ["training_rows", "Rows trained on", told],
  ["evaluations", "Answers to it", told],
  ["checkpoints", "Checkpoints", told],
  ["stages", "Stages that made it", told],
];

function story(why) {
  const parts = STORY.filter(([key]) => !isEmpty(why[key]));
  return parts.map(([key, title, show]) => {
    const long = key === "stages" || key === "proposal" || key === "row";
    return long
      ? el("details", { class: "values" }, el("summary", {}, title), show(why[key]))
      : el("section", {}, el("h4", {}, title), show(why[key]));
  });
}

function whole(value, texts) {
  if (isPlain(value)) return value;
  if (Array.isArray(value)) return value.map((one) => whole(one, texts));
  if (Number.isInteger(value.$)) return texts[value.$];
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, whole(part, texts)]));
}

// One line of the list; what is inside is made when it is opened first.
function line(row, texts) {
  const kept = !row.kind.startsWith("dropped");
  const facts = ["answer", "agreement", "figure", "threshold"].filter((name) => !isEmpty(row[name]))
    .map((name) => el("span", {}, `${name} `, plain(row[name])));
  if (row.correct !== undefined) facts.push(el("span", {}, row.correct ? "right" : "wrong"));
  const made = el("details", { class: "row", id: row.id },
    el("summary", {},
      el("span", { class: `kind ${kept ? "kept" : "dropped"}` }, words(row.kind)),
      el("span", { class: "text" }, said(row.text.slice(0, 300))),
      el("span", { class: "facts" }, ...facts)));
  made.addEventListener("toggle", () => {
    if (!made.open || made.querySelector(".why")) return;
    made.append(el("div", { class: "why" },
      el("p", { class: "soft" }, el("code", {}, `selfplay why ${row.id}`)), ...story(whole(row.why, texts))));
  });
  return el("li", {}, made);
}

function browse(data) {
  const list = document.getElementById("rows"), search = document.getElementById("row-search");
  const kind = document.getElementById("row-kind"), count = document.getElementById("row-count");
  const none = document.getElementById("row-none");
  const rows = data.rows.map(({ why, ...listed }) => ({ ...whole(listed, data.texts), why }));
  const lines = rows.map((row) => line(row, data.texts));
  const haystacks = rows.map((row) => `${row.id} ${row.kind} ${row.answer ?? ""} ${row.text}`.toLowerCase());
  const fits = (row) => kind.value === "" || kind.value === `=${row.kind}` ||
    kind.value === (row.kind.startsWith("dropped") ? "dropped" : "kept");
  const look = () => {
    const needle = search.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, n) => {
      lines[n].hidden = !(fits(row) && haystacks[n].includes(needle));
      shown += lines[n].hidden ? 0 : 1;
    });
    count.textContent = `${number(shown)} of ${number(rows.length)} shown`;
    none.hidden = shown > 0;
  };
  list.append(...lines);
  search.addEventListener("input", look);
  kind.addEventListener("change", look);
  document.getElementById("row-tools").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    search.focus();
  });
  look();
  const asked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (asked instanceof HTMLDetailsElement) { asked.open = true; asked.scrollIntoView(); }
}

const sample = document.getElementById("sample");
if (sample) browse(JSON.parse(sample.textContent));

"use strict";
// The rows of a round: searched, filtered, opened. A row's story is made when it is opened first.

const PAGE = 30;
const isKept = (row) => !row.kind.startsWith("dropped");

function facts(row) {
  const named = ["answer", "agreement", "figure", "threshold"].filter((name) => !isEmpty(row[name]))
    .map((name) => el("span", {}, `${name} `, told(row[name])));
  return row.found ? [...named, el("span", {}, row.found)] : named;
}

function line(row, whole) {
  const made = el("details", { class: "row", id: row.id },
    el("summary", {},
      el("span", { class: `kind ${isKept(row) ? "kept" : "dropped"}` }, words(row.kind)),
      el("span", { class: "text" }, said(row.text.slice(0, 300))),
      el("span", { class: "facts" }, ...facts(row))));
  made.addEventListener("toggle", () => {
    if (made.open && !made.querySelector(".why")) made.append(story(whole(row.why)));
  });
  return el("li", {}, made);
}

// What was written once is put back where it is named.
function unshared(shared) {
  const whole = (value) => {
    if (isPlain(value)) return value;
    if (Array.isArray(value)) return value.map(whole);
    if (Number.isInteger(value.$)) return whole(shared[value.$]);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, whole(part)]));
  };
  return whole;
}

function browse(data) {
  const [list, search, kind, count, more, none] = ["rows", "row-search", "row-kind", "row-count", "row-more", "row-none"]
    .map((id) => document.getElementById(id));
  const whole = unshared(data.shared);
  const rows = data.rows.map(({ why, ...listed }) => ({ ...whole(listed), why }));
  for (const row of rows) listed.add(row.id);
  const lines = rows.map((row) => line(row, whole));
  const texts = rows.map((row) => `${row.id} ${row.kind} ${row.answer ?? ""} ${row.text}`.toLowerCase());
  const fits = (row) => ["", isKept(row) ? "kept" : "dropped", `=${row.kind}`].includes(kind.value);
  let most = PAGE;

  const look = () => {
    const needle = search.value.trim().toLowerCase();
    const found = lines.filter((_, n) => fits(rows[n]) && texts[n].includes(needle));
    list.replaceChildren(...found.slice(0, most));
    count.textContent = `${Math.min(most, found.length)} of ${found.length} shown`;
    more.textContent = `Show ${Math.min(PAGE, found.length - most)} more`;
    more.hidden = found.length <= most;
    none.hidden = found.length > 0;
  };
  const anew = () => { most = PAGE; look(); };
  const follow = () => {  // a link to a row of this page opens it
    const place = rows.findIndex((row) => `#${row.id}` === location.hash);
    if (place < 0) return;
    if (!lines[place].isConnected) {
      search.value = kind.value = "";
      most = Math.max(most, place + 1);
      look();
    }
    const opened = lines[place].firstChild;
    opened.open = true;
    opened.scrollIntoView();
    opened.firstChild.focus();
  };

  search.addEventListener("input", anew);
  kind.addEventListener("change", anew);
  more.addEventListener("click", () => {
    const next = most;
    most += PAGE;
    look();
    list.children[next].querySelector("summary").focus();
  });
  document.getElementById("row-tools").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
  });
  window.addEventListener("hashchange", follow);
  look();
  follow();
}

const sample = document.getElementById("sample");
if (sample) browse(JSON.parse(sample.textContent));

"use strict";
// Sorts and filters tables, and copies them as CSV.  Text of cells is only ever read as text.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead button").forEach((button, column) => {
    button.addEventListener("click", () => sort(table, button.closest("th"), column));
  });
}
for (const input of document.querySelectorAll("[data-filter], [data-only]")) {
  input.addEventListener("input", () => filter(input.dataset.filter || input.dataset.only));
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button));
}

function value(cell) {
  return "value" in cell.dataset ? cell.dataset.value : cell.textContent.replace(/\s+/g, " ").trim();
}

function compare(first, second) {
  const numbers = [first, second].map(Number);
  if (first !== "" && second !== "" && !numbers.some(Number.isNaN)) return numbers[0] - numbers[1];
  return first.localeCompare(second, "en", { numeric: true, sensitivity: "base" });
}

function sort(table, heading, column) {
  const start = heading.classList.contains("number") ? "descending" : "ascending";
  const other = start === "ascending" ? "descending" : "ascending";
  const order = heading.getAttribute("aria-sort") === start ? other : start;
  for (const each of table.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const rows = [...table.tBodies[0].rows];
  const sign = order === "ascending" ? 1 : -1;
  rows.sort((a, b) => {
    const [first, second] = [a, b].map((row) => value(row.cells[column]));
    if ((first === "") !== (second === "")) return first === "" ? 1 : -1; // what is not known: last
    return sign * compare(first, second);
  });
  table.tBodies[0].append(...rows);
}

function filter(id) {
  const text = document.querySelector(`[data-filter="${id}"]`).value.toLowerCase().trim();
  const only = document.querySelector(`[data-only="${id}"]`);
  const rows = [...document.getElementById(id).tBodies[0].rows];
  for (const row of rows) {
    const wanted = row.textContent.toLowerCase().includes(text);
    row.hidden = !wanted || Boolean(only && only.checked && !("look" in row.dataset));
  }
  const shown = document.querySelector(`[data-shown="${id}"]`);
  if (shown) shown.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
}

function field(text) {
  const number = text !== "" && !Number.isNaN(Number(text));
  const safe = !number && /^["'\s]*[=+\-@|%]/.test(text) ? `'${text}` : text; // no formula in a spreadsheet
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

async function copy(button) {
  const rows = [...document.getElementById(button.dataset.copy).rows].filter((row) => !row.hidden);
  const text = rows.map((row) => [...row.cells].map((cell) => field(value(cell))).join(",")).join("\n") + "\n";
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    show(button, text);
  }
  setTimeout(() => { button.textContent = label; }, 2000);
}

function show(button, text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.setAttribute("aria-label", "The table as CSV: copy it from here");
  button.after(area);
  area.select();
  if (document.execCommand("copy")) {
    area.remove();
    button.textContent = "Copied";
  }
}

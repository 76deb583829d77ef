#include "report/page_assets.h"

namespace isomerge {

const char* const kPageScript = R"js(
'use strict';

// A click on a column's head: the better end first, then the other, then the order of the page.
function valueOf(body, column) {
  const cell = body.rows[0].cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number(text);
  return text === '' ? null : Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en');
}

function sortTable(table, column, order) {
  const bodies = [...table.tBodies];
  const down = order === 'descending' ? -1 : 1;
  bodies.sort((a, b) => {
    if (order !== 'none') {
      const x = valueOf(a, column), y = valueOf(b, column);
      if ((x === null) !== (y === null)) return x === null ? 1 : -1;
      const difference = x === null ? 0 : down * compare(x, y);
      if (difference !== 0) return difference;
    }
    return a.dataset.place - b.dataset.place;
  });
  table.append(...bodies);
}

for (const table of document.querySelectorAll('table.sortable')) {
  [...table.tBodies].forEach((body, place) => { body.dataset.place = place; });
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const values = [...table.tBodies].map((body) => valueOf(body, column));
    const first = values.some((value) => typeof value === 'number') ? 'descending' : 'ascending';
    const second = first === 'descending' ? 'ascending' : 'descending';
    head.querySelector('button')?.addEventListener('click', () => {
      const now = head.getAttribute('aria-sort');
      const next = now === first ? second : now === second ? 'none' : first;
      for (const other of heads) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', next);
      sortTable(table, column, next);
    });
  });
}

for (const button of document.querySelectorAll('.toggle')) {
  button.addEventListener('click', () => {
    const detail = document.getElementById(button.getAttribute('aria-controls'));
    detail.hidden = !detail.hidden;
    button.setAttribute('aria-expanded', String(!detail.hidden));
  });
}

// The record behind a number.
const records = JSON.parse(document.getElementById('records').textContent);
const dialog = document.querySelector('dialog');

function addEntry(list, name, value) {
  if (value === null || value === undefined || value === '') return;
  const term = document.createElement('dt'), text = document.createElement('dd');
  term.textContent = name;
  text.textContent = Array.isArray(value) ? value.join(', ') : String(value);
  if (name.startsWith('hash of ') || name === 'record') text.className = 'hash';
  list.append(term, text);
}

function showRecord(key) {
  const { run, log, ...result } = records[key];
  const list = dialog.querySelector('dl');
  list.replaceChildren();
  dialog.querySelector('h2').textContent = `${run.method} on ${run.task}`;
  addEntry(list, 'record', key);
  for (const [name, value] of Object.entries(result)) addEntry(list, name, value);
  for (const [name, value] of Object.entries(run)) {
    if (name === 'hashes') {
      for (const [role, hash] of Object.entries(value)) addEntry(list, `hash of ${role}`, hash);
    } else if (name === 'options' || name === 'preprocess') {
      for (const [option, one] of Object.entries(value)) addEntry(list, option, one);
    } else if (name !== 'tasks' || value.length > 0) {
      addEntry(list, name, value);
    }
  }
  for (const [name, value] of Object.entries(log ?? {})) addEntry(list, name, value);
  dialog.showModal();
}

for (const button of document.querySelectorAll('.record')) {
  button.addEventListener('click', () => showRecord(button.dataset.key));
}
dialog.querySelector('.close').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });

// What the nearest point of a figure is.
const tip = document.getElementById('tip');
const reach = 18;  // pixels

for (const point of document.querySelectorAll('svg .point')) {
  const title = point.querySelector('title');
  point.dataset.tip = title.textContent;
  title.remove();  // the browser would show it as well
}

function nearestPoint(svg, x, y) {
  let nearest = null, least = reach;
  for (const point of svg.querySelectorAll('.point')) {
    const box = point.getBoundingClientRect();
    const away = Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y);
    if (away < least) { least = away; nearest = point; }
  }
  return nearest;
}

for (const svg of document.querySelectorAll('figure svg')) {
  const show = (event) => {
    const point = nearestPoint(svg, event.clientX, event.clientY);
    tip.hidden = point === null;
    if (point === null) return;
    tip.textContent = point.dataset.tip;
    const box = point.getBoundingClientRect();
    const left = Math.min(box.right + 8, innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, box.top - tip.offsetHeight - 8)}px`;
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerdown', show);
  svg.addEventListener('pointerleave', () => { tip.hidden = true; });
}
)js";

}  // namespace isomerge

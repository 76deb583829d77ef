#include "report/page_assets.h"

namespace isomerge {

const char* const kPageStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1c1f23; --soft: #5a626b; --line: #d9dde2; --band: #f5f6f8;
  --accent: #0b5fa5; --shadow: 0 8px 32px rgb(0 0 0 / 25%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --ink: #e6e9ed; --soft: #a3acb7; --line: #343a42; --band: #1e2227;
    --accent: #7cc0ff; --shadow: 0 8px 32px rgb(0 0 0 / 70%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p, ul { margin: .25rem 0 .75rem; max-width: 46rem; }
.soft, figcaption, .notes { color: var(--soft); font-size: .875rem; }
.notes { padding-left: 1.1rem; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; text-align: right; white-space: nowrap; font-weight: 400; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
tbody th, tbody td { border-bottom: 1px solid var(--line); }
tbody.group:hover > tr.row > * { background: var(--band); }
.wide > table > thead > tr > th:first-child, .wide > table > tbody > tr.row > th {
  position: sticky; left: 0; background: var(--page);
}
td.detail { padding: .25rem 0 1rem 1.6rem; text-align: left; }
td.best { font-weight: 700; }
td.second { text-decoration: underline; text-underline-offset: .2em; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
button:focus-visible, summary:focus-visible, .wide:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
thead button { font-weight: 600; white-space: nowrap; }
thead button::after { content: "\2195"; padding-left: .3em; color: var(--soft); opacity: .6; }
th[aria-sort=ascending] button::after { content: "\2191"; color: var(--accent); opacity: 1; }
th[aria-sort=descending] button::after { content: "\2193"; color: var(--accent); opacity: 1; }
.toggle::before { content: "\25B8"; display: inline-block; width: 1em; color: var(--soft); }
.toggle[aria-expanded=true]::before { content: "\25BE"; }
.record { color: var(--accent); font-family: ui-monospace, monospace; font-size: .8125rem;
  text-decoration: underline; }
summary { cursor: pointer; }
h2 + details, details + h2 { margin-top: .5rem; }
.figures { display: grid; gap: 2rem 2.5rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figure.across { grid-column: 1 / -1; }
figure svg { display: block; width: 100%; height: auto; max-width: 34rem; }
figure.across svg { max-width: 60rem; }
figure.across .wide svg { min-width: 34rem; }
figcaption { margin-top: .5rem; max-width: 46rem; }
figcaption b { color: var(--ink); }
.point { cursor: crosshair; }
#tip { position: fixed; z-index: 9; pointer-events: none; max-width: 18rem; padding: .35rem .6rem;
  border-radius: 6px; background: var(--ink); color: var(--page); font-size: .8125rem; }
dialog { width: min(44rem, calc(100vw - 2rem)); max-height: 80vh; border: 1px solid var(--line);
  border-radius: 10px; padding: 1rem 1.25rem 1.25rem; background: var(--page); color: var(--ink);
  box-shadow: var(--shadow); overflow: auto; }
dialog::backdrop { background: rgb(0 0 0 / 40%); }
dialog h2 { margin: 0 2rem .5rem 0; font-size: 1rem; overflow-wrap: anywhere; }
dialog .close { position: absolute; top: .75rem; right: 1rem; font-size: 1.25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0;
  font-size: .875rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.hash { font-family: ui-monospace, monospace; font-size: .8125rem; }
@media (max-width: 32rem) {
  body { padding: 1rem .875rem 3rem; font-size: 15px; }
  th, td { padding: .4rem .5rem; }
  td.detail { padding-left: 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --ink: #000; --soft: #444; --line: #bbb; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; }
  th, td { padding: .2rem .4rem; }
  thead button::after, .toggle::before, dialog { content: none; display: none; }
  figure, tr { break-inside: avoid; }
}
)css";

}  // namespace isomerge

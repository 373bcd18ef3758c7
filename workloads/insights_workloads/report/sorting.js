// Tables of class "sortable" are sorted by a click on a header: columns of class "num" as numbers,
// others as text, cells that say nothing last. A cell's value is its data-sort, or its text.
document.querySelectorAll("table.sortable").forEach(table => {
  const headers = [...table.tHead.rows[0].cells];
  const order = new Intl.Collator(undefined, { numeric: true });
  headers.forEach((header, column) => {
    if (!header.textContent.trim()) return;
    const numeric = header.classList.contains("num");
    const value = row => {
      const cell = row.cells[column], text = (cell.dataset.sort ?? cell.textContent).trim();
      if (!numeric) return text;
      const number = parseFloat(text.replaceAll(",", ""));
      return Number.isNaN(number) ? "" : number;
    };
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      const rows = [...table.tBodies[0].rows].map(row => [value(row), row]);
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        return (up ? 1 : -1) * (numeric ? a - b : order.compare(a, b));
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
      headers.forEach(other => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
});

/* What the theme leaves out for keyboards and screen readers: names, levels, and a way to scroll. */
addEventListener("DOMContentLoaded", () => {
  const name = (selector, text) =>
    document.querySelectorAll(selector).forEach((element) => element.setAttribute("aria-label", text));
  name(".sidebar-drawer", "All pages");
  name(".toc-drawer", "This page");
  for (const caption of document.querySelectorAll(".sidebar-tree .caption[role=heading]"))
    caption.setAttribute("aria-level", "2");
  for (const citation of document.querySelectorAll("div.citation[role]"))
    citation.setAttribute("role", "listitem"); // the theme gives one that a div may not have
  // Of the gallery's pictures the theme hides the links' text.
  for (const link of document.querySelectorAll(".sphx-glr-thumbcontainer a"))
    link.setAttribute("aria-label", link.textContent);
  // Only what is wider than its place can be focused, and then scrolled with the arrow keys.
  const fit = (element) => {
    if (element.scrollWidth > element.clientWidth) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", "Scrolls sideways");
    } else for (const given of ["tabindex", "role", "aria-label"]) element.removeAttribute(given);
  };
  const wide = [...document.querySelectorAll("article pre, .table-wrapper, div.math, dt.sig")];
  const observer = new ResizeObserver(() => wide.forEach(fit));
  for (const element of wide) {
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild); // formulas widen it later
  }
  const article = document.querySelector("article");
  if (article && !document.querySelector("h1")) {
    const title = document.createElement("h1");
    title.textContent = document.title.split(" - ")[0];
    article.prepend(title);
  }
});

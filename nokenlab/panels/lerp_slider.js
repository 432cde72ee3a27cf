(function () {
  var box = document.currentScript.parentElement, find = function (kind) { return box.querySelector(kind) };
  var views = JSON.parse(find("script[type]").textContent), range = find("input"), way = find("select");
  function show() {
    var view = views[way.selectedIndex], i = Math.min(+range.value, view.pages.length - 1);
    range.max = view.pages.length - 1;
    range.setAttribute("aria-valuetext", "p = " + view.p[i]);
    find("output").textContent = view.p[i];
    find(".nk-page").innerHTML = view.strip + view.pages[i];
  }
  range.oninput = way.onchange = show;
  find(".nk-live").hidden = false; find(".nk-still").hidden = true;
  show();
})()

// One of several clips, chosen with a slider. The players are those of the table that is there without scripts.

export default {
  render({ el }) {
    const rows = [...el.parentElement.querySelectorAll(".nk-still tr")];
    const labels = rows.map((row) => row.cells[0].textContent);
    const players = rows.map((row) => row.querySelector("audio"));
    const slider = labelledRange("a to b", rows.length, 0, show);
    const row = element("div", "nk-row");
    row.append(slider.label, ...players);
    el.append(row);

    function show() {
      const index = Number(slider.range.value);
      slider.readout.textContent = labels[index];
      players.forEach((player, i) => { player.hidden = i !== index; if (i !== index) player.pause(); });
    }
    show();
  },
};

// One of several clips, chosen with a slider. The players are those of the table that is there without scripts.

export default {
  render({ el }) {
    const rows = [...el.parentElement.querySelectorAll(".nk-still tr")];
    const labels = rows.map((line) => line.cells[0].textContent);
    const players = rows.map((line) => line.querySelector("audio"));
    const slider = labelledRange("a to b", rows.length, 0, show);
    el.append(row(slider.label, ...players));

    function show() {
      const index = Number(slider.range.value);
      slider.readout.textContent = labels[index];
      players.forEach((player, i) => { player.hidden = i !== index; if (i !== index) player.pause(); });
    }
    show();
  },
};

// What scrolls within its own box can be reached and scrolled with the keyboard. A box that shows all it has is no stop.
function reach() {
    for (const box of document.querySelectorAll("pre, .table-wrapper, .cell_output .output")) {
        if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
            box.tabIndex = 0;
        } else {
            box.removeAttribute("tabindex");
        }
    }
}

window.addEventListener("load", reach);
window.addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);

// Tells what sticks out of the window and is in nothing that can be scrolled.
() => {
    const scrolls = e => e && e !== document.body
        && (/(auto|scroll)/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    return [...document.querySelectorAll('.md-content *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e))
        .map(e => `${e.tagName}.${e.getAttribute('class')}: ${e.textContent.trim().slice(0, 40)}`);
}

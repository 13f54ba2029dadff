// Tells which text has less than 4.5 to 1 of contrast (WCAG 2, AA) with what is behind it.
() => {
    const colour = text => {
        const numbers = text.match(/[\d.]+/g).map(Number);
        const scale = text.startsWith('color(') ? 255 : 1;
        return [...numbers.slice(0, 3).map(n => n * scale), numbers[3] ?? 1];
    };
    const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]);
    const luminance = rgb => {
        const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const known = new Map([[null, [255, 255, 255]]]);
    const behind = e => {
        if (!known.has(e))
            known.set(e, over(colour(getComputedStyle(e).backgroundColor), behind(e.parentElement)));
        return known.get(e);
    };
    const faint = new Set();
    for (const e of document.querySelectorAll('.md-content *, .md-header *, .md-tabs *, .md-sidebar *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        const box = e.getBoundingClientRect();
        if (!own || !box.width || !box.height || !e.checkVisibility({opacityProperty: true})) continue;
        if (e.matches('.headerlink, .md-search *, desc, title')) continue;
        const style = getComputedStyle(e);
        const background = behind(e);
        const front = over(colour(e.ownerSVGElement ? style.fill : style.color), background);
        const [low, high] = [luminance(front), luminance(background)].sort((a, b) => a - b);
        const ratio = (high + .05) / (low + .05);
        if (ratio < 4.5) faint.add(`${ratio.toFixed(1)} ${e.tagName}.${e.getAttribute('class')}: `
            + e.textContent.trim().slice(0, 30));
    }
    return [...faint];
}

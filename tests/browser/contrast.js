// Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2, 1.4.3).
() => {
  // Colours that are still fading to their new values jump there.
  document.getAnimations().filter((animation) => animation instanceof CSSTransition).forEach((fade) => fade.finish());
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const background = (element) => {
    for (; element; element = element.parentElement) {
      const color = parse(getComputedStyle(element).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const contrast = (element) => {
    const pair = [luminance(parse(getComputedStyle(element).color)), luminance(background(element))].sort();
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const gradio = document.querySelector(".gradio-container");
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.checkVisibility() && hasText(element) && (!gradio || gradio.contains(element)))
    .filter((element) => contrast(element) < 4.5)
    .map((element) => `${contrast(element).toFixed(2)} ${element.innerText} ${element.className}`);
};

// Medians and ranges over rounds.

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	const half = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const group = (text) => text.replace(/\B(?=(\d{3})+$)/g, ",");

// Three digits that count, or whole numbers.
export function show(x) {
	if (x === undefined || Number.isNaN(x))
		return "–";
	return Math.abs(x) >= 100 ? group(String(Math.round(x))) : String(Number(x.toPrecision(x < 1 ? 2 : 3)));
}
export const percent = (x) => (Number.isNaN(x) ? "–" : `${(x * 100).toFixed(x < 0.1 ? 1 : 0)} %`);

// "12,500 (11,900–12,800)"
export function spread(values, format = show) {
	if (values.length === 0)
		return "void";
	const middle = format(median(values));
	return values.length === 1 ? middle : `${middle} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}

export function table(head, rows) {
	const line = (cells) => `| ${cells.join(" | ")} |`;
	return [line(head), `|${head.map((_, i) => (i === 0 ? "---" : "---:")).join("|")}|`, ...rows.map(line)].join("\n");
}

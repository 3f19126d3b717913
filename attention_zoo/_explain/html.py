"""An explanation in a notebook."""

import base64
import html
import io


def page(explanation):
    """A picture and a table for each of the first examples; all text is escaped."""
    most = explanation.examples_shown
    shown = explanation[:most]
    file = io.BytesIO()
    shown.plot().savefig(file, format="png")
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    parts = [f'<img src="{uri}" alt="{html.escape(shown.table())}" style="max-width:100%">']
    parts += [_table(shown, i) for i in range(len(shown))]
    if len(explanation) > most:
        parts.append(f"<p>The first {most} of {len(explanation)} examples.</p>")
    return "\n".join(parts)


def _table(explanation, i):
    rows = [
        [
            explanation.called(i, j),
            f"{explanation.attention[i, j]:.1%}",
            f"{explanation.name(explanation.alone[i, place].argmax())} "
            f"{explanation.alone[i, place].max():.1%}",
            explanation.left_over(i, place),
        ]
        for place, j in enumerate(explanation.segments[i])
        if j >= 0
    ]
    said = explanation.name(explanation.label[i])
    caption = (
        f"{said} {explanation.support['whole'][i]:.1%}, confidence {explanation.confidence[i]:.2f}"
    )
    head = ["segment", "attention", "from it alone", f"{said} without it and those above"]
    lines = [_row(head, "th"), *(_row(row, "td") for row in rows)]
    return f"<table><caption>{html.escape(caption)}</caption>{''.join(lines)}</table>"


def _row(cells, tag):
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

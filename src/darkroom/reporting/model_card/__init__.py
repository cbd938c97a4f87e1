"""The model card: what a model is, how well it does and what its limits are, as one page of Markdown.

`card.py` orders the sections, `inputs.py` has what they are written from, and the other files have one
group of sections each. Not here: Markdown itself (`reporting.markdown`) and the page (`card_page`).
"""

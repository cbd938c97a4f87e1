"""The page of a study: one HTML file with interactive charts; it is self-contained and needs no network.

A trial under the pointer, or with the keyboard's focus in the table, is marked in every chart. Optuna's own
interactive charts need plotly, which would put 4.6 MB of script into each page; script.js has 45 lines.
"""

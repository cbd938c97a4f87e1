"""The evaluation report of several labels: the files of `evaluation_report`, of sets of labels.

confusion.csv, which says for each image which class was taken for which, has no meaning here and no rows. The
figure confusion.png shows which labels go together instead.
"""

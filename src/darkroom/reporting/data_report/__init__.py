"""The report on the data before training: what is in it, and what to mend.

Nothing here trains the network or changes the data; no other stage reads what the report finds. Of the test
images it reads how they look and which resemble training images; no model is fitted to them or judged by
them.
"""

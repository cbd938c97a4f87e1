"""The routes of the HTTP API and of the page: a file for each subject, each with its `ROUTES`.

Here belongs what one route does with one request. What every request passes (limits, authentication,
metrics) lies one folder up, and so do the types of forms and responses.
"""

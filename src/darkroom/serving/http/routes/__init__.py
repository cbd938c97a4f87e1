"""The routes of the HTTP API and of the page: a file for each subject, each with its `ROUTES`.

Here belongs what one route does with one request. What applies to every request (limits, authentication,
metrics) is one folder up, and so are the types of forms and responses.
"""

"""Browser tests.

A package, so that the fixtures of scope "package" (browser, services) end with its last test. Without this
file pytest would keep them, and Playwright's event loop, until the end of the session.
"""

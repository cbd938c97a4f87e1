"""The web application: the routes, the responses to errors and the state that they share."""

from starlette.applications import Starlette

from ..monitoring.feedback_store import FeedbackStore
from .error_handlers import HANDLERS
from .routes import feedback, metrics, model, page, predict


def create_app(*, locked: bool = False, feedback_store: FeedbackStore | None = None) -> Starlette:
    """Return the app. The caller sets `app.state.engine` before the first request.

    Where the caller sets `app.state.monitor` too, the monitor gets every prediction.

    Args:
        locked: whether the description of the API states that the service needs tokens.
        feedback_store: where feedback is kept; None: `/feedback` responds with 404.
    """
    routes = (*predict.ROUTES, *feedback.ROUTES, *model.ROUTES, *metrics.ROUTES, *page.ROUTES)
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False  # it would redirect to whatever host name the client sent
    app.state.locked = locked
    app.state.feedback = feedback_store
    app.state.monitor = None
    return app

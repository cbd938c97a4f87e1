from darkroom.prediction.loading import load as load

__version__: str

class UserError(ValueError): ...

"""What the model card states of an ensemble: its members, and its gain beside its cost."""

from collections.abc import Mapping
from typing import Any

from darkroom.reporting.markdown import percent


def ensemble_facts(stated: Mapping[str, Any]) -> dict[str, str]:
    """Return the rows on an ensemble, from the branch `ensemble` of reports/train.json.

    >>> facts = ensemble_facts(
    ...     {
    ...         "kept": False,
    ...         "members": [{"name": "linear layer at 160 by 160 pixels", "weight": 1.0}],
    ...         "best_member": "linear layer at 160 by 160 pixels",
    ...         "best_member_accuracy": 0.95,
    ...         "accuracy_with_weights_of_other_images": 0.955,
    ...         "p_value": 0.5,
    ...         "multiply_adds": 30,
    ...         "best_member_multiply_adds": 20,
    ...     }
    ... )
    >>> facts["ensemble"]
    'none: the one that was tried is not better than its best member beyond chance'
    """
    weights = ", ".join(
        f"{member['weight']:.2f} {member['name']}" for member in stated["members"] if member["weight"]
    )
    gain = (
        f"{percent(stated['accuracy_with_weights_of_other_images'])} of the validation images right, each "
        f"with weights that others chose; {percent(stated['best_member_accuracy'])} by its best member, "
        f"{stated['best_member']}; p {stated['p_value']:.2g} (McNemar)"
    )
    times = stated["multiply_adds"] / stated["best_member_multiply_adds"]
    dropped = "none: the one that was tried is not better than its best member beyond chance"
    return {
        "ensemble": weights if stated["kept"] else dropped,
        "ensemble.gain": gain,
        "ensemble.cost": f"{times:.2f} times the multiplications of its best member",
    }

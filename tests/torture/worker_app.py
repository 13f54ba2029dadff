"""The module that `headrace worker` is given."""

from tests.torture.app import tortured

queue, tasks = tortured()

"""The relay's tests share a stand-in provider and a running delivery, from the modules beside this file."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "storage"))  # the real PostgreSQL is kept there

"""A supervisor of the small mesh on the state directory it is given; run as a file by the tests."""

import asyncio
import sys
from pathlib import Path

from services.kit.devstack.errors import StackError
from services.kit.devstack.supervisor import Supervisor
from tests.kit.devstack.parts import small_mesh

supervisor = Supervisor(lambda changed: small_mesh(Path(sys.argv[1]), changed=changed))
try:
    sys.exit(asyncio.run(supervisor.run(supervisor.stay)))
except StackError as error:
    sys.exit(error.report())

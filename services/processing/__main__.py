"""python -m services.processing"""

from services.kit.service import run
from services.processing.service import SERVICE

run(SERVICE)

"""python -m services.assistants"""

from services.assistants.service import SERVICE
from services.kit.service import run

run(SERVICE)

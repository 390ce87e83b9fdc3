"""python -m services.knowledge"""

from services.kit.service import run
from services.knowledge.service import SERVICE

run(SERVICE)

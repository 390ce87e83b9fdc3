"""python -m services.crm"""

from services.crm.service import SERVICE
from services.kit.service import run

run(SERVICE)

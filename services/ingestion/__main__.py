"""python -m services.ingestion"""

from services.ingestion.service import SERVICE
from services.kit.service import run

run(SERVICE)

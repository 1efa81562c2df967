from fastapi import APIRouter

from app.dependencies import StorageDependency
from models import Health

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> Health:
    """Tell that the process is alive, whatever the storage does."""
    return Health()


@router.get("/ready")
async def ready(storage: StorageDependency) -> Health:
    """Tell whether requests can be answered: 503 while the storage does not."""
    await storage.ping()
    return Health()

"""What shell and page may do with packs."""

from facecrop_core.models.catalogue import PACKS, PublishedPack
from facecrop_core.models.store import check_pack, find_pack, get_pack, installed_packs, models_folder

__all__ = ["PACKS", "PublishedPack", "check_pack", "find_pack", "get_pack", "installed_packs", "models_folder"]

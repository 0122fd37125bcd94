"""Which region is near to which."""

from __future__ import annotations

import math
from collections.abc import Iterable

#: Latitude and longitude, in degrees, of cloud regions; only their order by distance matters.
#: Source: the providers' public lists of locations (Google Cloud, AWS), rounded to the city.
_COORDINATES: dict[str, tuple[float, float]] = {
    "us-east1": (33.2, -80.0),
    "us-east4": (39.0, -77.5),
    "us-east5": (40.0, -83.0),
    "us-central1": (41.3, -95.9),
    "us-south1": (32.8, -96.8),
    "us-west1": (45.6, -121.2),
    "us-west2": (34.1, -118.2),
    "us-west3": (40.8, -111.9),
    "us-west4": (36.2, -115.1),
    "northamerica-northeast1": (45.5, -73.6),
    "southamerica-east1": (-23.5, -46.6),
    "europe-west1": (50.4, 3.8),
    "europe-west2": (51.5, -0.1),
    "europe-west3": (50.1, 8.7),
    "europe-west4": (53.4, 6.8),
    "europe-west6": (47.4, 8.5),
    "europe-north1": (60.6, 27.2),
    "europe-southwest1": (40.4, -3.7),
    "asia-east1": (24.1, 120.5),
    "asia-northeast1": (35.7, 139.7),
    "asia-south1": (19.1, 72.9),
    "asia-southeast1": (1.4, 103.8),
    "australia-southeast1": (-33.9, 151.2),
    "northamerica-northeast2": (43.7, -79.4),
    "northamerica-south1": (20.6, -100.4),
    "southamerica-west1": (-33.4, -70.7),
    "europe-west8": (45.5, 9.2),
    "europe-west9": (48.9, 2.4),
    "europe-west10": (52.5, 13.4),
    "europe-west12": (45.1, 7.7),
    "europe-central2": (52.2, 21.0),
    "europe-north2": (59.3, 18.1),
    "me-central1": (25.3, 51.5),
    "me-central2": (26.4, 50.1),
    "me-west1": (32.1, 34.8),
    "africa-south1": (-26.2, 28.0),
    "asia-east2": (22.3, 114.2),
    "asia-northeast2": (34.7, 135.5),
    "asia-northeast3": (37.6, 127.0),
    "asia-south2": (28.6, 77.2),
    "asia-southeast2": (-6.2, 106.8),
    "australia-southeast2": (-37.8, 145.0),
    "us-east-1": (39.0, -77.5),
    "us-east-2": (40.0, -83.0),
    "us-west-1": (37.4, -122.0),
    "us-west-2": (45.8, -119.7),
    "ca-central-1": (45.5, -73.6),
    "sa-east-1": (-23.5, -46.6),
    "eu-west-1": (53.3, -6.3),
    "eu-west-2": (51.5, -0.1),
    "eu-west-3": (48.9, 2.4),
    "eu-central-1": (50.1, 8.7),
    "eu-north-1": (59.3, 18.1),
    "ap-south-1": (19.1, 72.9),
    "ap-southeast-1": (1.4, 103.8),
    "ap-southeast-2": (-33.9, 151.2),
    "ap-northeast-1": (35.7, 139.7),
    "ca-west-1": (51.0, -114.1),
    "mx-central-1": (20.6, -100.4),
    "eu-central-2": (47.4, 8.5),
    "eu-south-1": (45.5, 9.2),
    "eu-south-2": (41.6, -0.9),
    "me-central-1": (24.5, 54.4),
    "me-south-1": (26.1, 50.6),
    "il-central-1": (32.1, 34.8),
    "af-south-1": (-33.9, 18.4),
    "ap-east-1": (22.3, 114.2),
    "ap-south-2": (17.4, 78.5),
    "ap-southeast-3": (-6.2, 106.8),
    "ap-southeast-4": (-37.8, 145.0),
    "ap-southeast-5": (3.1, 101.7),
    "ap-southeast-7": (13.8, 100.5),
    "ap-northeast-2": (37.6, 127.0),
    "ap-northeast-3": (34.7, 135.5),
    "ap-east-2": (25.0, 121.5),
    "ap-southeast-6": (-36.8, 174.8),
    "us-gov-east-1": (40.0, -83.0),
    "us-gov-west-1": (45.6, -121.2),
    "cn-north-1": (39.9, 116.4),
    "cn-northwest-1": (37.5, 105.2),
}


def region_order(origin: str, regions: Iterable[str]) -> list[str]:
    """Return the distinct `regions`, nearest to `origin` first, `origin` itself at the head.

    Distances are those between the places of well-known cloud regions; an unknown region comes
    after the known ones, those with the same first part of the name (`us` of `us-south9`) first.
    What is equally far keeps its order in `regions`.
    """
    distinct = list(dict.fromkeys(regions))
    return sorted(distinct, key=lambda region: _distance(origin, region))


def unplaced(regions: Iterable[str]) -> list[str]:
    """Return the regions whose place is not known, where that decides which is the next one.

    Of two regions each is the other's next, wherever they are.
    """
    distinct = list(dict.fromkeys(regions))
    return [each for each in distinct if each not in _COORDINATES] if len(distinct) > 2 else []


def _distance(origin: str, region: str) -> tuple[int, float]:
    """Return a sort key: same region, then known places by distance, then same name prefix."""
    if region == origin:
        return (0, 0.0)
    if origin in _COORDINATES and region in _COORDINATES:
        return (1, _angle(_COORDINATES[origin], _COORDINATES[region]))
    same_prefix = region.partition("-")[0] == origin.partition("-")[0]
    return (2 if same_prefix else 3, 0.0)


def _angle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the angle between two places as seen from the Earth's centre, in radians."""
    (lat_a, lon_a), (lat_b, lon_b) = ([math.radians(v) for v in point] for point in (a, b))
    cosine = math.sin(lat_a) * math.sin(lat_b) + math.cos(lat_a) * math.cos(lat_b) * math.cos(
        lon_a - lon_b
    )
    return math.acos(max(-1.0, min(1.0, cosine)))

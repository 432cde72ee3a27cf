"""Intervals and tests."""


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval for the share behind `hits` out of `count`: low, high, within 0 to 1.

    Source: E. B. Wilson, "Probable inference", 1927. It stays honest for few counts, and for none or all.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"{hits} out of {count} is no share")
    z = 1.959964  # 95 % of a normal distribution
    middle = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * (hits * (count - hits) / count + z * z / 4) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)

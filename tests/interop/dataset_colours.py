"""Which colour the images of the small archives have."""


def colour(split, i):
    """Another one for every i below 50; those of one i % 10, which is the class in several datasets, are neighbours."""
    return ((i % 10) * 25 + i // 10 * 5, 200 if split == "train" else 20, 77)

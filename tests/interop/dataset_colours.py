"""Which colour the images of the small archives have."""


def colour(split, i):
    return ((i * 5) % 256, 200 if split == "train" else 20, 77)

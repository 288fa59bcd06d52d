"""Between the contract's messages and the domain's types: nothing else, and nothing lost.

Times keep their microseconds; nanoseconds below them are cut on the way in, on purpose. What a
message can say and no domain type can hold (a window that ends before it begins) raises
InvalidArgument with the field's path.
"""

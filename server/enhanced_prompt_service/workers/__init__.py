"""Several processes on one port (design 3, rule 25).

    place        where one worker listens, and how it and the supervisor hear of each other
    supervisor   starts workers, starts dead ones again, ends them all
    worker       a worker's own beginning
    __main__     the supervisor's own beginning

The supervisor imports neither grpc nor the application: it is small, and outlives its workers.
"""

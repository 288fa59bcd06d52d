"""One contract for both databases. The fixtures `database` and `stores` run each test on both."""

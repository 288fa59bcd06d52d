"""`python -m enhanced_prompt_service.cli`."""

from . import main

main()

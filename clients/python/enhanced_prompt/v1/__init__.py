"""Generated from protos/enhanced_prompt/v1 by scripts/gen.py. Do not edit."""

"""Everything that builds and grades the course."""

import sys

# jsonschema, which nbformat imports, would compile a grammar for international addresses, which
# takes longer than all other imports together; no notebook is checked for such addresses
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

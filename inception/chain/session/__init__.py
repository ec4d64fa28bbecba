"""Sessions: commands and shells in a chain's levels, with our standard streams or our terminal."""

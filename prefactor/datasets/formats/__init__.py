"""File formats: each module has ``header(file)``, the column names, and ``read(file, columns)``, those columns.

``columns`` maps normalized names to columns of the file. What ``read`` gives back is typed as the format types it;
:mod:`prefactor.datasets.reading` turns that into the types that the rest of the house knows.
"""

// merge/knots.h -- KnOTS: matrices in the left singular basis that all tasks share.
//
// Source: Stoica et al., "Model merging with SVD to tie the Knots", arXiv:2410.19735.
#pragma once

#include <cstdint>
#include <vector>

#include "merge/rule.h"

namespace isomerge {

// With C = [D_1 ... D_T] = U diag(s) [V_1^T ... V_T^T], the columns of all tasks side by side:
//
//     D_t = U (diag(s) V_t^T),   coordinates diag(s) V_t^T = U^T D_t
//
// over the singular values above `cut`, from the largest down. The signs of the directions are
// arbitrary; TIES and DARE give the same whatever they are. Directions of equal values are no
// unique answer.
//
// updates  T >= 1 matrices [m, n], dense or of low rank, fp32 or fp64
// dtype    of the computation, and of the coordinates. fp64: by LAPACK's SVD of C, of cores of
//          adapters too; fp32: by the eigenvectors of the Gram matrix of C's short side.
// cost     fp32: T m^2 n flops for the Gram matrix, an eigenproblem of size m, 2 T m n p; of
//          adapters of ranks R in all: QR of the factors, the same with R for m and n, and
//          2 T p R n.
Coordinates knots_coordinates(const std::vector<Update>& updates, double cut, at::ScalarType dtype);

// Of knots_coordinates() and an element-wise rule over them, by counting products.
MatrixCost knots_cost(int64_t m, int64_t n, int64_t tasks);

}  // namespace isomerge

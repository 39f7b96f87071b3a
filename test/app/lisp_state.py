#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SBCL, a Lisp that compiles to machine code at run time: its heap is mapped at fixed addresses,
much of it from the core file, the collector moves objects under a write barrier of page faults
(mprotect and SIGSEGV), it stops threads by signals at safe points, and the program compiles and
redefines functions as it goes.

wl: needs root program:sbcl
wl: areas memory threads signals
wl: timeout 300
wl: idle"""

import cycles

PROGRAM = r"""
(defvar *pause* (/ (parse-integer (second sb-ext:*posix-argv*)) 1000))
(defvar *table* (make-hash-table :test #'equal))
(defvar *lock* (sb-thread:make-mutex))
(defvar *old* (make-array 500 :initial-element nil)) ; outlives collections, points at new objects
(defvar *in* (sb-thread:make-semaphore))
(defvar *out* (sb-thread:make-semaphore))
(defvar *results* (make-array 4 :initial-element 0))
(defvar *stop* nil)
(defvar *slots* nil)
(declaim (optimize speed))

(defstruct node key (left nil) (right nil))
(defun insert (node key)
  (cond ((null node) (make-node :key key))
        ((< (the fixnum key) (the fixnum (node-key node)))
         (make-node :key (node-key node) :left (insert (node-left node) key)
                    :right (node-right node)))
        (t (make-node :key (node-key node) :left (node-left node)
                      :right (insert (node-right node) key)))))
(defun tree-sum (node)
  (if node
      (mod (+ (* 31 (the fixnum (tree-sum (node-left node)))) (the fixnum (node-key node))
              (the fixnum (tree-sum (node-right node)))) 1000000007)
      0))

(defun churn (slot)
  (let ((state (1+ slot)) (tree nil))
    (declare (type (unsigned-byte 40) state))
    (dotimes (i 3000)
      (setf state (mod (+ (* state 1103515245) 12345 slot) 2147483648))
      (when (zerop (mod i 300)) (setf tree nil))
      (setf tree (insert tree (mod state 10007))))
    (setf (aref *results* slot) (mod (+ (aref *results* slot) (tree-sum tree)) 1000000007))))

(defun worker (slot)
  (loop (sb-thread:wait-on-semaphore *in*)
        (when *stop* (return slot))
        (let ((mine (sb-thread:with-mutex (*lock*) (pop *slots*))))
          (churn mine))
        (sb-thread:signal-semaphore *out*)))
(defvar *threads*
  (loop for n below 4 collect (sb-thread:make-thread #'worker :arguments (list n))))

(defun main-step (step)
  (setf *slots* (list 0 1 2 3))
  (sb-thread:signal-semaphore *in* 4)
  (dotimes (n 4) (sb-thread:wait-on-semaphore *out*))
  (setf (aref *old* (mod (* step 37) 500)) (list step (make-string 300) (vector step)))
  (setf (gethash (format nil "k~d" (mod step 40)) *table*) (expt 3 step))
  (let ((f (compile nil `(lambda (x) (declare (fixnum x)) (+ (* x ,step) ,(mod step 7))))))
    (format t "~d ~{~d ~}~d ~d ~d~%" step (coerce *results* 'list)
            (funcall (the function f) 11)
            (mod (loop for v being the hash-values of *table* sum v) 1000000007)
            (count-if #'identity *old*)))
  (when (zerop (mod step 40)) (sb-ext:gc :full (zerop (mod step 80))))
  (finish-output)
  (sleep *pause*))

(loop for step from 1 to 200 do (main-step step))
(setf *stop* t)
(sb-thread:signal-semaphore *in* 4)
(format t "~{~d ~}~d~%" (mapcar #'sb-thread:join-thread *threads*)
        (handler-case (car (the list (opaque))) (undefined-function () -1)))
"""


def main():
    cycles.begin()
    with open("program.lisp", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.same_log(["sbcl", "--script", "program.lisp"], ["0"], ["15"])


main()
